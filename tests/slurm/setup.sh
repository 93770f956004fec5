#!/usr/bin/env bash
# A SLURM cluster of one node from Debian's packages: without systemd, cgroups or a database, with GPUs that are none.
#
#   sudo bash tests/slurm/setup.sh start|stop|status
#
# All it makes is in one folder, to which /etc/slurm is linked. `start` does nothing where the cluster runs already, and
# ends with 77 and a line that says why where it cannot run. Jobs of the partition `main` are preempted, and requeued, by
# those of `urgent`.
set -euo pipefail

FOLDER=/run/vaebench-slurm
GPUS=2
CPUS=4  # as advertised: jobs may share cores
unset SLURM_CONF

refuse() { echo "SLURM cannot run here: $1" >&2; exit 77; }

# The process of a pid file, if it is alive and the daemon that the file is named after.
running() {
    local pid
    pid=$(cat "$FOLDER/$1.pid" 2>/dev/null) && [ "$(cat "/proc/$pid/comm" 2>/dev/null)" = "$1" ]
}

halt() {
    running "$1" && kill "$(cat "$FOLDER/$1.pid")"
    until_true 100 absent "$1"
}

absent() { ! running "$1"; }

until_true() {
    local tries=$1
    shift
    for _ in $(seq "$tries"); do "$@" >/dev/null 2>&1 && return; sleep 0.1; done
    return 1
}

ready() { sinfo --noheader --partition=main --format=%t | grep -qxE "idle|mix|alloc"; }

install() {
    type slurmctld slurmd munged sinfo >/dev/null 2>&1 && return
    type apt-get >/dev/null 2>&1 || refuse "no SLURM and no apt-get"
    export DEBIAN_FRONTEND=noninteractive
    { apt-get update -qq && apt-get install -qq --no-install-recommends \
        munge slurmctld slurmd slurm-client slurm-wlm-basic-plugins; } >"$FOLDER/apt.log" 2>&1 \
        || refuse "apt-get: $(grep -m 1 '^E:' "$FOLDER/apt.log" || tail -n 1 "$FOLDER/apt.log")"
}

configure() {
    local host memory gpu file
    host=$(hostname -s)
    memory=$(awk '/MemTotal/ {print int($2 / 1024)}' /proc/meminfo)
    mkdir -p "$FOLDER"/{state,spool} /etc/slurm
    for file in slurm.conf gres.conf; do
        [ ! -e "/etc/slurm/$file" ] || [ "$(readlink "/etc/slurm/$file")" = "$FOLDER/$file" ] \
            || refuse "/etc/slurm/$file is another cluster's"
        ln -sfn "$FOLDER/$file" "/etc/slurm/$file"
    done
    [ -s "$FOLDER/munge.key" ] || (umask 077; head -c 1024 /dev/urandom >"$FOLDER/munge.key")
    for gpu in $(seq 0 $((GPUS - 1))); do  # devices that nothing opens
        [ -c "$FOLDER/gpu$gpu" ] || mknod -m 666 "$FOLDER/gpu$gpu" c 1 3 2>/dev/null \
            || refuse "no device files can be made"
    done
    echo "NodeName=$host Name=gpu File=$FOLDER/gpu[0-$((GPUS - 1))]" >"$FOLDER/gres.conf"
    # cred_expire is also what a requeued job waits for before it starts again, MinJobAge how long squeue shows one
    # that ended, and KillWait what lies between SIGTERM and SIGKILL.
    cat >"$FOLDER/slurm.conf" <<CONF
ClusterName=vaebench
SlurmctldHost=$host
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket=$FOLDER/munge.socket,cred_expire=5
CredType=cred/munge
MpiDefault=none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SchedulerType=sched/backfill
SchedulerParameters=bf_interval=2,sched_interval=2
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
MinJobAge=3600
KillWait=30
ReturnToService=2
StateSaveLocation=$FOLDER/state
SlurmdSpoolDir=$FOLDER/spool
SlurmctldPidFile=$FOLDER/slurmctld.pid
SlurmdPidFile=$FOLDER/slurmd.pid
SlurmctldLogFile=$FOLDER/slurmctld.log
SlurmdLogFile=$FOLDER/slurmd.log
SlurmdParameters=config_overrides
GresTypes=gpu
NodeName=$host CPUs=$CPUS RealMemory=$((memory * 2)) Gres=gpu:$GPUS State=UNKNOWN
PartitionName=main Nodes=$host Default=YES PriorityTier=1 DefMemPerCPU=100 State=UP
PartitionName=urgent Nodes=$host PriorityTier=2 PreemptMode=OFF DefMemPerCPU=100 State=UP
CONF
}

start() {
    [ "$(id -u)" = 0 ] || refuse "not root"
    mkdir -p "$FOLDER"
    chmod 755 "$FOLDER"
    install
    if ! running slurmd; then
        configure
        running munged || munged --socket="$FOLDER/munge.socket" --key-file="$FOLDER/munge.key" \
            --pid-file="$FOLDER/munged.pid" --log-file="$FOLDER/munged.log" \
            --seed-file="$FOLDER/munge.seed" || refuse "munged: $(tail -n 1 "$FOLDER/munged.log")"
        running slurmctld || slurmctld || refuse "slurmctld: $(tail -n 1 "$FOLDER/slurmctld.log")"
        slurmd || refuse "slurmd: $(tail -n 1 "$FOLDER/slurmd.log")"
    fi
    until_true 300 ready || refuse "the node is $(sinfo --noheader --partition=main --format='%T %E')"
}

empty() { [ -z "$(squeue --noheader)" ]; }

stop() {
    if running slurmctld; then
        squeue --noheader --format=%A | xargs --no-run-if-empty scancel
        until_true 400 empty
    fi
    for daemon in slurmd slurmctld munged; do halt "$daemon"; done
}

case ${1:-} in
    start) start ;;
    stop) stop ;;
    status) sinfo --format='%P %T %c %m %G' && squeue ;;
    *) echo "usage: bash tests/slurm/setup.sh start|stop|status" >&2; exit 2 ;;
esac

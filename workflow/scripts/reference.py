from vaebench.errors import reported

with reported(snakemake.log[0]):
    import json

    from vaebench.data.dataset import load
    from vaebench.evaluation import judge, reference
    from vaebench.files import job, write
    from vaebench.training import hardware

    with job(snakemake.input, snakemake.output):
        hardware.prepare(snakemake.threads)
        card = reference.card(judge.load(snakemake.input.judge), load(snakemake.input.data))
        write(snakemake.output[0], json.dumps(card, indent=1))
        print(f"{len(card['floor'])} metrics of training images and of noise")

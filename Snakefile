# The workflow itself is workflow/Snakefile, where other tools look for it; this runs it from the top of a checkout.
include: "workflow/Snakefile"


rule default:
    default_target: True
    input:
        rules.all.input,
    localrule: True

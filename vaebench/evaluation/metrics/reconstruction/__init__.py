"""How near reconstructions are."""

QUESTION = "reconstruction"
ANSWER = ("mse",)
PARTS = {"": ("mse", "bce", "psnr", "ssim", "ms_ssim", "judge_agreement")}

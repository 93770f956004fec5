"""What images do between codes."""

QUESTION = "geometry"
SUBJECT = "survey"
PARTS = {
    "images along the curves": ("class_switches", "data_distance", "turning"),
    "the curves themselves": ("length_ratio", "speed_variation", "trusted_geodesics"),
}

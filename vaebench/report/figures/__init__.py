"""Figures: functions of tables (`summary`) and of images and codes (`gallery`), in one visual language (`style`)."""

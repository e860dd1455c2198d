"""Samplers: functions from noise to images, over any denoiser."""

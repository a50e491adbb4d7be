"""An avatar says what it is given: frame plan, expression, face, video.

Runs on a laptop without the training environment: nothing here imports torch or dvc.
"""

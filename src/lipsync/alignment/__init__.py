"""Are audio and picture of a recording in step?"""

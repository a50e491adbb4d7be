"""Do sound and picture of the recording itself agree in time?"""

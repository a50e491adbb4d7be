"""The audio-visual sync expert: how well do these lips belong to this sound?"""

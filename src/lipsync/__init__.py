"""A DVC pipeline that turns a talking-head video into an avatar that speaks any audio in sync."""

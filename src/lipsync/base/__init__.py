"""Train once, adapt: what a base learns from, what a person inherits of it, what is shared."""

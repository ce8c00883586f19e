"""What each kind of component must do; structural types, so a plugin inherits from nothing."""

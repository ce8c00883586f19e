"""Where photos were taken, by what they share with street images of known place."""

"""The TOML file of the settings as it is changed: by commands, and by a server that was asked to."""

"""What the tables of the settings hold: lists of records that one line each cannot say."""

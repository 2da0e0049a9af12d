"""What is audited: a source opened, its columns taken, checked, named and grouped. Nothing is counted here."""

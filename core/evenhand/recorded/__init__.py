"""What a run or an audit leaves on disk: its folder, and where its numbers come from."""

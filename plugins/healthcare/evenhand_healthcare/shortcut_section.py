def shortcut_section(run):
    return []

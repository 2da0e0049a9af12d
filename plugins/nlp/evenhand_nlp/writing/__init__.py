"""What the recipes that write texts share: reading pairs, measures in any script, backbones that write, their audit."""

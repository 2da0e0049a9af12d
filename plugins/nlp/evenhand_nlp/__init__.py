"""evenhand's nlp domain: text backbones and recipes."""

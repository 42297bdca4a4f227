"""Champions: what was promoted under a name, when and why, and the bundles themselves."""

"""CNN building blocks: plain nn.Modules, independent of the rest of the package."""

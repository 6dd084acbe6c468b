"""CNN building blocks: nn.Modules only, which do not know that they are measured."""

from weight_files import alexnet_file, inception_file, no_network

__all__ = ["alexnet_file", "inception_file", "no_network"]

"""Starting the product on one machine: embedded servers, processes, demo data, explanations."""

"""What a replay can reproduce: pure processors whose output depends on their input topics alone."""

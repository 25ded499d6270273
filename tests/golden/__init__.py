"""What released versions of the node wrote into rows that outlive an upgrade, and their writer."""

"""Real peers for tests: DCMTK's tools and Orthanc, on free ports, stopped by process id."""

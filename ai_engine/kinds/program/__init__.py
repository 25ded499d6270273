"""Programs that get a folder of DICOM and leave results: any vendor's, in a container or not."""

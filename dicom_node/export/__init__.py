"""Export of the Warehouse for research: de-identified, as DICOM, as NIH-style tables, as COCO."""

"""The pages of administrators and operators, over ``dicom_node.administration``."""

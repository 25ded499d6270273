"""Networks of somebody else: asked as a service, or run here from ONNX or OpenVINO's form."""

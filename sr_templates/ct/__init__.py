"""Evidence of the analysis of a CT study (`ai_engine.ct.prediction.CtPrediction`)."""

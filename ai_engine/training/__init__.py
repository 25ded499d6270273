"""Training: recipes as data, one trainer that runs them, one publisher.

A kind of model overrides the trainer's hooks (`trainer.Trainer`, `publishing.PublishedTrainer`);
`tasks` says what each task reads of a recipe. Only trainers load TensorFlow.
"""

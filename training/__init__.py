"""Train, export and check the language models that pyengine ships."""

# The relay's image is built on AWS, for who has no Docker. `ENGINE=codebuild make deploy-aws` sets this by itself.
codebuild = true

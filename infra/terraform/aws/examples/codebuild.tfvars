# The relay's image is built on AWS, for machines without Docker. `ENGINE=codebuild make deploy-aws` sets this by itself.
codebuild = true

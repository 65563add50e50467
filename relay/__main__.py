"""`python -m relay`: where memory comes from is set first, so that it holds for all that is imported then."""

import sys

from relay.allocator import limit_heap, use_huge_pages


def main() -> int:
    """Exit status 2 for invalid settings."""
    use_huge_pages()
    limit_heap()
    from relay.process import main

    return main()


if __name__ == "__main__":
    sys.exit(main())

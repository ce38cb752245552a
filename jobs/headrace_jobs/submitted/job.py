"""What spark-submit runs: `python -m headrace_jobs` as a file.

It is alone in its folder: Python looks for modules there first, before its own library.
"""

import sys

from headrace_jobs.__main__ import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

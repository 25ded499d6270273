"""PixelMed's validator in a process of its own, which stays: a path a line in, JSON a line out.

The validator compiles six megabytes of style sheets before it reads its first report, so one of
these judges all reports of a test run. ``python -m tests.integration.sr_templates.pixelmed JAR…``
"""

import json
import sys

import jpype

# The validator's style sheets are larger than the JDK's default limits on XPath.
_JDK_LIMITS = ("xpathTotalOpLimit", "xpathExprOpLimit", "xpathExprGrpLimit")
# What a few reports need is not worth the JDK's best compiler, nor several threads for garbage.
_HASTE = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")


def main() -> None:
    """Judge reports until the standard input ends."""
    options = [f"-Djdk.xml.{limit}=0" for limit in _JDK_LIMITS]
    options.append("-Xmx512m")  # a quarter of the machine's memory otherwise
    jpype.startJVM(*options, *_HASTE, classpath=sys.argv[1:])
    validator = jpype.JClass("com.pixelmed.validate.DicomSRValidator")()
    for line in sys.stdin:
        print(json.dumps(str(validator.validate(line.strip()))), flush=True)


if __name__ == "__main__":
    main()

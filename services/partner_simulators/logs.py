"""JSON logs on standard error, the libraries' own included; ids only."""

import logging
import sys

import structlog


def write_json_logs() -> None:
    """Set up structlog and the standard library's logging for this process."""
    steps: list[structlog.typing.Processor] = [
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[
            *steps,
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*steps, structlog.processors.format_exc_info],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(ensure_ascii=False),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    # aiokafka repeats every lost connection; we say once that the line is gone
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    # aiosmtpd tells of every client that hangs up or does not trust it
    logging.getLogger("mail.log").setLevel(logging.CRITICAL)

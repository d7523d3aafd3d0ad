"""Report: tables, figures, verdict, HTML page and terminal summary, all from the two files of a finished run."""

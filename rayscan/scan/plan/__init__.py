"""Points, members, strengths, and what is finished."""

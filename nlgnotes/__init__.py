"""The small package behind the lectures: one room per subject, imports only go downstairs."""

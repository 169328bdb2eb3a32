"""The page of paid services: `/services` [SVC]."""

"""Four made-up servers which answer as the vendors' API pages say, to try the exporter against."""

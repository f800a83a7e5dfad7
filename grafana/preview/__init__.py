"""Pictures of the dashboards, drawn with Grafana's own components: a tool for development.

__main__      fills a Prometheus, sends the queries of the panels, and takes the pictures
preview.jsx   the page that draws one dashboard
"""

"""How far what is no disease tells a label: exposure, borders, markers, view, age and sex."""

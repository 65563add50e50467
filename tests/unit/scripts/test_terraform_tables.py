"""The modules' READMEs list what their files take and give."""

import pytest

from scripts import terraform_tables


@pytest.mark.parametrize("cloud", terraform_tables.CLOUDS)
def test_the_readme_says_what_the_files_say(cloud: str):
    """If this fails: python -m scripts.terraform_tables."""
    module = terraform_tables.MODULES / cloud
    text = (module / "README.md").read_text()
    assert terraform_tables.renewed(text, module) == text
    assert len(list(terraform_tables.inputs(module))) > 40


def test_values_of_several_lines_and_quotes_fit_a_cell():
    body = (
        '  description = "Say \\"a|b\\"."\n  type        = object({\n    a = string\n  })\n'
        '  default = {\n    a = "x"\n  }\n\n  validation {\n    condition = true\n  }\n'
    )
    assert terraform_tables.described(body) == 'Say "a\\|b".'
    assert terraform_tables.argument(body, "type") == "object({ a = string })"
    assert terraform_tables.argument(body, "default") == '{ a = "x" }'
    assert terraform_tables.argument(body, "sensitive") is None


def test_a_readme_without_its_table_is_said(tmp_path):
    with pytest.raises(ValueError, match="has no table ## Inputs"):
        terraform_tables.renewed("# A module\n", terraform_tables.MODULES / "aws")

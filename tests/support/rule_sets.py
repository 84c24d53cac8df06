"""Compiled rule sets for tests."""

RULE_SET = """<?xml version="1.0" encoding="UTF-8"?>
<xsl:stylesheet version="2.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform" xmlns:svrl="http://purl.oclc.org/dsdl/svrl"
    xmlns:cbc="urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2">
  <xsl:template match="/">
    <svrl:schematron-output>
      <xsl:if test="not(starts-with(/*/cbc:ID, 'OK'))">
        <svrl:failed-assert id="OURS-1" flag="fatal" location="/*:Invoice[1]/*:ID[1]">
          <svrl:text>[OURS-1]-The invoice number (BT-1) starts with OK.</svrl:text>
        </svrl:failed-assert>
      </xsl:if>
    </svrl:schematron-output>
  </xsl:template>
</xsl:stylesheet>
"""

"""The mark that rendered files carry: they are synthetic.

The term is IPTC's for pictures that a trained model has painted into
(https://cv.iptc.org/newscodes/digitalsourcetype, "inpainting or outpainting operations"). It stands
in an XMP packet as IPTC's Video Metadata Hub wants it, for programs, and in the fields that players
and ffprobe show, for people.
"""

DIGITAL_SOURCE_TYPE = (
    "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"
)
NOTICE = "Synthetic: the mouth was made to fit sound that was not said on camera."


# IPTC Video Metadata Hub 1.6: property Digital Source Type of the IPTC Extension schema
SYNTHETIC_XMP = f"""\
<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/">
 <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
  <rdf:Description rdf:about=""
    xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
    xmlns:dc="http://purl.org/dc/elements/1.1/">
   <Iptc4xmpExt:DigitalSourceType>{DIGITAL_SOURCE_TYPE}</Iptc4xmpExt:DigitalSourceType>
   <dc:description>
    <rdf:Alt><rdf:li xml:lang="x-default">{NOTICE}</rdf:li></rdf:Alt>
   </dc:description>
  </rdf:Description>
 </rdf:RDF>
</x:xmpmeta>
<?xpacket end="r"?>"""


def synthetic_tags() -> dict[str, str]:
    """Metadata of an mp4; `media.video.VideoWriter` takes it."""
    return {"description": NOTICE, "comment": f"digitalSourceType={DIGITAL_SOURCE_TYPE}"}
